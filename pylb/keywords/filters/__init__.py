"""Filters, by name (HAProxy's `-dKflt`)."""
