"""The digest's use cases as Celery tasks, for many machines."""
