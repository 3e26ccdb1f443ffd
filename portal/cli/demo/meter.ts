import type { Client } from "../client.ts";
import { type Invoice, money, type UsageRecord } from "../commands/usage.ts";
import { CommandFailure } from "../failure.ts";
import { say } from "../output.ts";
import type { Address } from "./compute.ts";
import { pause, type Recorder } from "./steps.ts";

/** The gateway writes its counts down once a minute, and once a minute they are taken over. */
const limitMs = 150_000;

/** What it has used so far, and what that costs. @param of the meters that must have something before it is shown; none: any. */
export async function meter(
  client: Client,
  recorder: Recorder,
  address: Address,
  of: readonly string[] = [],
): Promise<void> {
  await recorder.step("Usage so far (sampled every minute)", async () => {
    const records = await awaitUsage(client, address, of);
    for (const record of records) say(`   ${record.meter.padEnd(22)} ${record.quantity}`);
    return { data: { records }, value: records };
  });
  await recorder.step("The month's draft invoice", async () => {
    const invoice = await client.get<Invoice>("/api/v1/usage/invoice", { domain: address.domain });
    for (const line of invoice.lines.filter(({ database }) => database === address.database))
      say(
        `   ${(line.meter ?? line.kind).padEnd(22)} ${line.pricedQuantity} ${line.pricedUnit} x ${money(line.unitPrice)} = ${money(line.price)}`,
      );
    say(`   all of ${address.domain} in ${invoice.period.month} so far: ${money(invoice.total)}`);
    return { data: { invoice }, value: invoice };
  });
}

/** The first sample of a new database arrives with the next sampling pass. */
async function awaitUsage(
  client: Client,
  { domain, project, database }: Address,
  of: readonly string[],
): Promise<readonly UsageRecord[]> {
  for (const deadline = performance.now() + limitMs; performance.now() < deadline; await pause(500)) {
    const records = await client.all<UsageRecord>("/api/v1/usage", { domain });
    const found = records.filter((record) => record.project === project && record.database === database);
    const used = found.filter(({ quantity }) => Number(quantity) > 0);
    if (used.length > 0 && of.every((name) => used.some(({ meter }) => meter === name))) return found;
  }
  throw new CommandFailure(
    `no usage${of.length === 0 ? "" : ` (${of.join(", ")})`} of ${domain}/${project}/${database} was recorded within ${limitMs / 1000} s`,
    { exitCode: 7 },
  );
}
