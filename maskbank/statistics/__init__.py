"""Statistics of comparisons: tests, effects, bootstraps, rules, claims (numpy and scipy only)."""
