"""What two ends hold in common, formulas only: key schedules, seal and open, AUTH octets, fragments.

Nothing here decides: choosing proposals, keeping windows and refusing is each end's own business.
"""
