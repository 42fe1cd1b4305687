"""What repeated runs prove: values with intervals, which trial is the best, what each change brought."""
