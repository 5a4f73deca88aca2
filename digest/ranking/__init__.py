"""The term space, interest profiles, trending, selection and reasons: pure functions over numbers and text."""
