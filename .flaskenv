FLASK_APP=crm_app.cli:create_app
