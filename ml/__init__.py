"""A small brain: it reads pools, finds price gaps between venues and submits them to the execution server."""
