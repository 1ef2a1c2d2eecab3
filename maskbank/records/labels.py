"""Labels in the records that other rooms name. Knows no pandas."""

NONE = "none"  # a label that does not apply; a number that does not apply is NaN
SHUFFLED_LABELS = "shuffled_labels"  # the variant of a sanity check: no method can learn
