/**
 * The data API over HTTP, for tenants: which database a request is about, who asks, how often, what is kept, and the way to the
 * database. What a request means is gateway/rest's; when a database runs is the keeper's; whom a key speaks for is the portal's.
 *
 * 1. It serves while portal, reconciler and ledger are down: settings and keys lie beside the instances, and of API keys it believes for
 *    a while what it was told before.
 * 2. A stranger learns nothing about which databases there are, and wakes none.
 * 3. A request's role and claims are proved before the database sees it, and end with its transaction.
 */

export { askPortal, type KeyAccess, type Keys, type KeysOptions, makeKeys } from "./keys.ts";
export type { DatabaseRoute } from "./server.ts";
export { type DataWeb, type DataWebOptions, makeDataWeb } from "./web.ts";
