"""A sweep as one HTML file that needs nothing else: for a phone, for paper, without a network."""

from service.report.page import report_html

__all__ = ["report_html"]
