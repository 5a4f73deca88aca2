from tests.mail.conftest import serve

__all__ = ["serve"]
