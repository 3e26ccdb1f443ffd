export {
  listSigningKeys,
  putSigningKey,
  type SigningKeyRow,
  signingKeyContext,
  signingKeysChanged,
} from "./signing-keys.ts";
