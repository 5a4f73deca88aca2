"""The web side: pages without passwords, behind signed links; feeds and an interface for programs."""
