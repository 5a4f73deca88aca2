"""The jobs as Celery tasks, for installations on several machines."""
