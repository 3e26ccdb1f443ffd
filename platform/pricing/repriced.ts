import { canonicalJson, type PriceBook, type TenantPrices } from "../spec/index.ts";
import { versionIn } from "./terms.ts";

type Version = Omit<PriceBook, "versions">;

/** Months of which somebody would pay something else by another text of the prices. A month that had no prices is not among them. */
export function repricedMonths(before: PriceBook, after: PriceBook, months: readonly string[]): string[] {
  return months.filter((month) => {
    const [was, is] = [versionIn(before, month), versionIn(after, month)];
    if (was === undefined) return false;
    if (is === undefined || was.currency !== is.currency || differ(listOf(was), listOf(is))) return true;
    if ((was.plans === undefined) !== (is.plans === undefined)) return true;
    // A plan that is new has no tenant yet; whoever is put on it is so by a change of its own.
    if (Object.entries(was.plans ?? {}).some(([name, plan]) => differ(plan, is.plans?.[name] ?? null))) return true;
    const tenants = new Set([...Object.keys(was.tenants ?? {}), ...Object.keys(is.tenants ?? {})]);
    return [...tenants].some((name) => differ(agreed(was, name), agreed(is, name)));
  });
}

const differ = (a: unknown, b: unknown): boolean => canonicalJson(a) !== canonicalJson(b);
const listOf = ({ prices, tiers = {} }: Version) => ({ prices, tiers });

/** Whom a bill is made out to is not what is paid. */
function agreed({ tenants = {} }: Version, name: string): Omit<TenantPrices, "billTo"> {
  const { billTo: _, ...paid } = Object.hasOwn(tenants, name) ? (tenants[name] ?? {}) : {};
  return paid;
}
