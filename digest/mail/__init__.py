"""Mail: content, rendering, messages and transports."""
