"""What leaves the services, described for those who read it: made from the event types, and held against what was
promised before. A tool of this repository's, which no program of the suite needs.
"""
