/**
 * Keys and signatures of buckets, as the gateway checks them and the portal hands them out. Owns AWS's Signature Version 4 and how
 * credentials follow from API keys. Does not own who may do what (identity), nor serving (gateway/files).
 */
export { credentialsFor, ownerOf } from "./credentials.ts";
export {
  type Claimed,
  type Credentials,
  chunkSignature,
  claimedBy,
  encode,
  encodePath,
  mostExpiresSeconds,
  type Presigned,
  presign,
  type Refusal,
  type Signable,
  sign,
  unsigned,
  type Verified,
  verify,
} from "./signature.ts";
