"""Recurring jobs and the daily run, used by single-process installations and by Celery workers."""
