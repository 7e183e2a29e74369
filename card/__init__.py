"""Bytes, files, channel, session and readers of the social security card; stands on `card.domain`."""
