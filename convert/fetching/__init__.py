"""Files that come from elsewhere: the hub, or wheels on the package index."""
