"""Verbs never commit: whoever calls them ends the transaction, so that several can be one."""

import ast
from pathlib import Path

from tests.house.test_budgets import CODE, ROOT

ENDS_ITS_OWN = {
    "database.py": "the ground: what begins and ends transactions",
    "jobs/runner.py": "the runner, one transaction for each job",
    "telephony/webhook/quarantine.py": "requests tried again, one transaction for each",
    "telephony/dialling/placing.py": "waits for the PBX between its transactions",
    "mail/sending.py": "waits for the mail server between its transactions",
    "telephony/messages/sending.py": "waits for the PBX between its transactions",
    "telephony/setup/asking.py": "asks the PBX between its transactions",
    "calls/store/upkeep.py": "recomputes all calls, a few in a transaction",
    "keys/services.py": "exchanges the key of the whole database, all or nothing",
    "serving/preparation.py": "prepares an office before anything is served",
    "serving/demonstration.py": "fills the sample office at its start",
    "demo.py": "sample records, each there at once",
    "demo_office/loading.py": "the sample office",
    "accounts/sessions/cookies.py": "recalls and ends sessions before and after a view",
    "accounts/sign_in/security_extension.py": "wraps the sign-in view of Flask-Security",
    "accounts/sign_in/forms.py": "that view's form, which compares the password",
    "accounts/sign_in/proof.py": "wraps views that ask for the password once more",
}


def commits(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
        for node in ast.walk(tree)
    )


def test_only_views_commands_and_runners_commit() -> None:
    found = {
        str(path.relative_to(ROOT / "crm_app"))
        for path in CODE
        if not path.stem.endswith(("views", "commands")) and commits(path)
    }
    assert found == set(ENDS_ITS_OWN)
