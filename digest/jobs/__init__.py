"""What runs by the clock, for one process and for Celery alike."""
