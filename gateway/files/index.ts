/**
 * Files beside databases: buckets with an S3-compatible endpoint. In front, ours: who may, how much, what is counted. Behind it a real
 * S3 server (versitygw) on a Unix socket, where each bucket has an account of its own. What a bucket is comes from the declaration, by
 * the gate of its database; what a key may do is the portal's to say.
 *
 * 1. Nothing reaches the server behind that was not admitted, and what does is signed as the account of that one bucket: two walls.
 * 2. A request is admitted by what was signed. What is not signed, is read in two ways, or is not on the list of operations, is refused.
 * 3. It serves while portal, reconciler and ledger are down, as long as the key was asked about before.
 */
export type { FileKeys } from "./admit.ts";
export * from "./errors.ts";
export { type Files, type FilesOptions, makeFiles } from "./files.ts";
