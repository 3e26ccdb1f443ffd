export {
  confirmTotp,
  countRecoveryCodes,
  enrolTotp,
  findTotp,
  removeTotp,
  replaceRecoveryCodes,
  spendRecoveryCode,
  spendTotpStep,
  type TotpFactor,
  totpContext,
} from "./factors.ts";
