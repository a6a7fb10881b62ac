"""A request before its view: the proxy, its body, where it comes from; and the safe headers."""
