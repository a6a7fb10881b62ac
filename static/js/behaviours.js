// Loads the small behaviours that hang on data-js-… attributes anywhere in a page.
import "./composing.js";
import "./confirm.js";
import "./sign-out.js";
import "./sign-in-over.js";
import "./submit-once.js";
import "./toasts.js";
import "./failures.js";
import "./copy.js";
import "./reveal.js";
import "./proof.js";
import "./dialler.js";
import "./contact-rows.js";
import "./pickers.js";
import "./drafts.js";
import "./follow.js";
import "./search.js";
import "./search-key.js";
