"""Descriptions of children and supervisors, refused by field name when they make no sense."""
