// The token: in this tab only (sessionStorage), never in a cookie or an address.
const KEY = 'headwater-token';

export function token() {
  return sessionStorage.getItem(KEY) ?? '';
}

/** @param {string} text empty: forget it */
export function setToken(text) {
  if (text === '') sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, text);
}
