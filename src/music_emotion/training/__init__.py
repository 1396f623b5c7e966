"""Scaling, SMOTE, the validation cut and the fit loop."""
