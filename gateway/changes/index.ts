/**
 * Changed rows of databases, told: to receivers by Standard Webhooks, to listeners by a stream that gateway/web sends. What is taken down
 * is platform/compute's (change-capture.ts); who may listen is gateway/web's.
 *
 * 1. A change that is committed is told at least once, in the order of its row; one that is not committed is told to nobody.
 * 2. Nobody who waits keeps a database awake; a message that is due wakes it.
 * 3. What is left of messages lies in the database itself: a gateway that is killed loses none.
 */
export { type Changes, type ChangesOptions, makeChanges } from "./changes.ts";
export { makeWebhookHttp, type WebhookHttp } from "./http.ts";
export type { Change, DeliveryView, WebhookView } from "./types.ts";
export { withId } from "./with-id.ts";
