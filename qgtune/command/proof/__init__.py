"""Commands that run more to prove what a sweep found: its leading trials again, and its changes one by one."""
