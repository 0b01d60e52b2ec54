"""What Prometheus scrapes: watches events, steers nothing."""
