"""What tests are told in: factories, clusters real and fake, a control plane."""
