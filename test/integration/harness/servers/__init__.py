# SPDX-License-Identifier: Apache-2.0
"""Servers that tests start beside otelcd, or play."""
