/**
 * News: who is told of what concerns a tenant as a whole - budgets, invoices, payments, holds, health. Owns what a piece of news says in
 * words, to which channels it goes, how each is reached, and the outbox. Does not own when there is news (whoever tells it), nor who is
 * to be told (`notify` of tenant.ts), nor changed rows (gateway/changes).
 *
 * 1. News is written in the transaction of what it says, under a name made of what it says: told twice is told once.
 * 2. Each channel is told at least once, in order, one at a time; the id of a message is the same for every attempt.
 * 3. Channels are read from the declarations in force, addresses and keys when something is sent: the ledger keeps neither.
 * 4. Addresses are asked through the guarded fetch: none inside the network, and no redirect is followed.
 */
export { type Channel, channelsOf, hears } from "./channels.ts";
export { noChannel } from "./errors.ts";
export { type MoneyText, type News, newsKinds, tell } from "./news.ts";
export { makeNotifier, type Notifier, type NotifierDeps } from "./notifier.ts";
export { makeSenders, type Sender, type Sent } from "./senders.ts";
export { type Words, wordsOf } from "./words.ts";
