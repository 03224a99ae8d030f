/** Amounts of money, as whole ten-thousandths in a `bigint`: exact, and enough for every currency of ISO 4217. */

const DIGITS = 4;

/** A decimal that is at most fifteen digits long, with up to four of them behind the point. */
export const DECIMAL = String.raw`^[0-9]{1,11}(\.[0-9]{1,4})?$`;

/** @param decimal matches `DECIMAL` */
export function parseMoney(decimal: string): bigint {
  const [whole = '', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(DIGITS, '0'));
}

/** At least two decimal places, and no trailing zeros beyond them: `12.50`, `0.0125`. */
export function formatMoney(amount: bigint): string {
  const digits = amount.toString().padStart(DIGITS + 1, '0');
  return `${digits.slice(0, -DIGITS)}.${digits.slice(-DIGITS).replace(/0{1,2}$/, '')}`;
}
