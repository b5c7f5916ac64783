"""One module per trained weight file, with the losses and logs they share."""
