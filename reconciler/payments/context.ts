import { type Clock, newId, type Observe } from "../../platform/core/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { getSetting, putSetting } from "../../platform/store/index.ts";
import type { Stripe, Tags } from "../../platform/stripe/index.ts";

/** What everything here works with. */
export type Paying = {
  readonly sql: Sql;
  readonly stripe: Stripe;
  readonly clock: Clock;
  readonly observe: Observe;
};

const key = "payments.installation";

/** Under which name this installation's things are known there: two may share an account and never touch each other's. */
export async function installationOf(sql: Sql): Promise<string> {
  const known = await getSetting(sql, key);
  if (typeof known === "string") return known;
  await sql.query("insert into settings (key, value) values ($1, $2::jsonb) on conflict (key) do nothing", [
    key,
    JSON.stringify(newId("inst")),
  ]);
  const made = await getSetting(sql, key);
  if (typeof made === "string") return made;
  // It was something else: nothing of ours wrote that.
  const fresh = newId("inst");
  await putSetting(sql, key, fresh);
  return fresh;
}

export const tagsOf = (installation: string, more: Tags = {}): Tags => ({ nebula_installation: installation, ...more });
