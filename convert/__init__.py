"""Model files: fetched, checked, converted and registered before the service needs them."""
