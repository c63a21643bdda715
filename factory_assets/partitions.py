"""The two partition axes, no more: DAY for streams, BUILD for what is made to order.

Models and datasets have numbers (M0, D1) in the registry; they are not partitions. A trace belongs
to the day on which its episode began, in UTC.
"""

import dagster as dg

from agent_factory.core.day import FIRST_DAY

# The day that runs now is a partition too: its data is made again as traces come in.
DAY = dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), timezone="UTC", end_offset=1)
BUILD = dg.DynamicPartitionsDefinition(name="build")


def from_days(key: dg.AssetKey) -> dg.AssetDep:
    """A BUILD asset's dependency on a DAY asset: which days it reads is in its BuildSpec's window."""
    return dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping())


def has_day(day: str) -> bool:
    """Whether that day (YYYY-MM-DD) is a partition: neither before FIRST_DAY nor in the future."""
    return DAY.has_partition_key(day)
