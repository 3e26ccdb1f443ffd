import type { FeedRecord } from "../store/index.ts";
import { typeOf } from "./event.ts";

/** A record as a CloudEvent. Its id is the record's: whoever gets it twice knows it. */
export const toCloudEvent = (record: FeedRecord, source: string) => ({
  specversion: "1.0" as const,
  id: record.id,
  source,
  type: record.revision > 1 ? typeOf("correction") : typeOf("record"),
  subject: `${record.tenant}/${record.project}/${record.database}`,
  time: record.recordedAt.toISOString(),
  datacontenttype: "application/json" as const,
  data: {
    meter: record.meter,
    from: record.windowStart.toISOString(),
    to: record.windowEnd.toISOString(),
    quantity: record.quantity,
    revision: record.revision,
    source: record.source,
    reason: record.reason,
    commits: [...record.commits],
  },
});
export type UsageCloudEvent = ReturnType<typeof toCloudEvent>;
