export {
  type EmailToken,
  type EmailTokenPurpose,
  findEmailToken,
  hasSetupToken,
  insertEmailToken,
  type NewEmailToken,
  spendEmailToken,
} from "./email-tokens.ts";
