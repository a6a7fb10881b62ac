// Loads the small behaviours that hang on data-js-… attributes anywhere in a page.
import "./confirm.js";
import "./submit-once.js";
import "./toasts.js";
import "./failures.js";
import "./copy.js";
import "./reveal.js";
import "./proof.js";
import "./dialler.js";
import "./contact-rows.js";
import "./search.js";
import "./search-key.js";
