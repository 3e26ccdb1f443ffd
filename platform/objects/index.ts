/**
 * Where whole things are kept by name: a folder or an S3 bucket behind one port, and the one format in which they are sealed. Only
 * door to the S3 client. Does not own what is kept, nor for how long.
 *
 * 1. An object is there whole or not at all; a put replaces; nobody sees half of one.
 * 2. What is sealed opens under its own name only: a byte changed, a piece cut off, moved or renamed is seen before its end.
 */
export * from "./errors.ts";
export { makeFileStore } from "./file-store.ts";
export { openObjectStore, type StoreAddress, storeAddress } from "./open.ts";
export { makeS3Store, type S3Store, type S3StoreOptions } from "./s3-store.ts";
export { openStream, sealedSize, sealStream } from "./sealed-stream.ts";
export { type ObjectInfo, type ObjectStore, under } from "./types.ts";
