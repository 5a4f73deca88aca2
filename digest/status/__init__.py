"""The state of an installation: `gather` reads it, `judge` says what it means, `alarms` tells the operator."""
