"""What goes wrong with the played PBX, by the choice of a person."""
