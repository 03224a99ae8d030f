/** The tokens of what is injected and has no class of its own: `@Inject(SETTINGS) settings: Settings`. */

export const SETTINGS = Symbol('Settings');
export const AUTHENTICATOR = Symbol('Authenticator');
/** The personal data of all features. */
export const PERSONAL_DATA = Symbol('PersonalData');
