"""Proposals of the configuration as SA payloads of IKEv1, and the choice among them.

In IKEv2 a proposal is a menu: any of its ciphers with any of its hashes. In IKEv1 a transform is one dish, with all its
algorithms as attributes, and proposals of the same number must be taken together.

numbers           algorithms of the model and theirs    lifetime  how long SAs live, RESPONDER-LIFETIME
ike_transforms    one transform of phase 1              ike       phase 1: offer, select, accept
child_transforms  one transform of phase 2              wishes    what we want of a Child SA
bundles, modes    what belongs together; tunnels        child     phase 2: offer, select, accept
offers, explain   why nothing was chosen, for people
"""
