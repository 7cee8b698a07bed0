"""pylb: a load balancer in pure Python that programs and people cannot tell from HAProxy 2.6."""

__version__ = "0.1.0"
