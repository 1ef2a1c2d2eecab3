"""Tracking: MLflow as a view of the record tables. It can be deleted and rebuilt; nothing is ever read back from it.

`reconcile` makes MLflow agree with the tables, `check` says where it does not, `ui` shows it.
MLflow is imported when it is needed, not when this package is.
"""
