import { beginCustomer, getPaymentCustomer, setCustomer, setSubscription } from "../../platform/store/index.ts";
import type { RemoteCustomer } from "../../platform/stripe/index.ts";
import { installationOf, type Paying, tagsOf } from "./context.ts";
import { priceNotNothing } from "./errors.ts";

/** The tenant's customer there: the one that is known, else found, else made. One that was deleted there is made anew. */
export async function ensureCustomer(
  { sql, stripe, clock }: Paying,
  { tenant, name, email }: { readonly tenant: string; readonly name: string; readonly email: string | null },
): Promise<RemoteCustomer> {
  const known = await getPaymentCustomer(sql, tenant);
  const found = known?.customer == null ? undefined : await stripe.customers.read(known.customer);
  if (found !== undefined) return found;
  if (known?.customer != null) await setCustomer(sql, tenant, null);
  const isFirst = await beginCustomer(sql, tenant, new Date(clock.now()));
  const tags = tagsOf(await installationOf(sql), { nebula_tenant: tenant });
  const [earlier] = isFirst ? [] : await stripe.customers.find(tags);
  const customer = earlier ?? (await stripe.customers.create({ name, email, tags }));
  await setCustomer(sql, tenant, customer.id);
  return customer;
}

/** A subscription to prices of nothing, so that what is told of usage is shown there. @throws NEB571 */
export async function ensureSubscription(
  { sql, stripe }: Paying,
  tenant: string,
  prices: readonly string[],
): Promise<void> {
  const known = await getPaymentCustomer(sql, tenant);
  if (prices.length === 0 || known?.customer == null || known.subscription !== null) return;
  const priced = await stripe.subscriptions.priced(prices);
  if (priced.length > 0) throw priceNotNothing(`${priced.join(", ")}: Stripe would bill what we bill`);
  const tags = tagsOf(await installationOf(sql), { nebula_tenant: tenant });
  const { customer } = known;
  const found = await stripe.subscriptions.find(customer, tags);
  await setSubscription(sql, tenant, found ?? (await stripe.subscriptions.create({ customer, prices, tags })));
}
