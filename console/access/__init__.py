"""Who may look and who may steer over the network: tokens, logins of browsers, rights.

Owns roles, the table of tokens, the cookies given for them, the limit of wrong tries and the
refusal of requests that another site has sent. Leaves what a command does to the commands.
"""
