"""What the PBX is asked to do with a call that starts: rules, black list, phones that ring."""
