"""Benchmarks: every figure is printed beside a raw psycopg script on the same server."""
